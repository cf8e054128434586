export declare class Cutter {
  accepted: number;
  get count(): number;
  constructor(port: number);
  start(): Promise<number>;
  cut(): void;
  freeze(isFrozen?: boolean): void;
  refuse(refuses?: boolean): void;
  stop(): Promise<void>;
}
