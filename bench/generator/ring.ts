/**
 * Frames of one length behind each other, made before the clock starts. Positions count up and wrap; the first frames are
 * there twice, so that a window of them is always one slice.
 */
export class Ring {
  readonly frameSize: number;
  readonly count: number;
  readonly bytes: Buffer;

  constructor(frames: readonly Buffer[], window: number) {
    this.count = frames.length;
    this.frameSize = frames[0]?.length ?? 0;
    if (frames.some(({ length }) => length !== this.frameSize)) throw new Error("frames of several lengths");
    this.bytes = Buffer.concat([...frames, ...frames.slice(0, window)]);
  }

  /** The frames from this position on, at most a window of them. */
  slice(position: number, count: number): Buffer {
    const start = (position % this.count) * this.frameSize;
    return this.bytes.subarray(start, start + count * this.frameSize);
  }
}
