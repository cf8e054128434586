export function shortNames(): { mangleProps: RegExp; mangleCache: Record<string, string> };
