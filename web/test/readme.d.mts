/** The first block of the README in this language. */
export declare function readmeBlock(language: string): string;
