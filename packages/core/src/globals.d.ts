// The whole platform budget of the core: what every runtime has. Each further name is a visible change here.
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label: "utf-8", options: { fatal: true; ignoreBOM: true });
  decode(bytes: Uint8Array): string;
}
type TimerHandle = { readonly __timer: never };
declare function setTimeout(callback: () => void, milliseconds: number): TimerHandle;
declare function clearTimeout(timer: TimerHandle | undefined): void;
declare function setInterval(callback: () => void, milliseconds: number): TimerHandle;
declare function clearInterval(timer: TimerHandle): void;
declare function structuredClone<T>(value: T): T;
declare const performance: { now(): number };
declare const console: { error(...data: unknown[]): void };
