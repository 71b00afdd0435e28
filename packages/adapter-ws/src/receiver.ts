import type { Writable } from "node:stream";
import type { WebSocket } from "ws";

/** What of ws' receiver is used here: https://github.com/websockets/ws/blob/8.23.0/lib/receiver.js */
interface Receiver extends Writable {
  /** The fragments so far of a message that has not ended. */
  readonly _fragments?: Buffer[];
}

/**
 * Keeps from the receiver of ws what comes behind a broken frame. From 8.22.2 on it ends the process over it: while its
 * events are deferred, input waits in the stream, which hands the rest over even when one chunk has failed; and the mask of
 * the frame that failed is gone by then.
 */
export const guardReceiver = (webSocket: WebSocket): void => {
  const { _receiver: receiver } = webSocket as WebSocket & { readonly _receiver?: Receiver | null };
  // Bun's ws has null in its place.
  if (receiver === undefined || receiver === null) return;
  const write = receiver._write;
  let fragments: Buffer[] | undefined;
  let owned = 0;
  receiver._write = function (this: Receiver, chunk, encoding, callback) {
    if (this.errored !== null) {
      callback();
      return;
    }
    write.call(this, chunk, encoding, callback);
    // Each message has an array of its own. What its receiver defers is in it only at the next chunk.
    if (this._fragments !== fragments) owned = 0;
    fragments = this._fragments;
    for (; fragments !== undefined && owned < fragments.length; owned++) own(fragments, owned);
  };
};

/**
 * A fragment of one byte is a view of all that was read with it, 64 KiB, which pings can make up: 1,024 of them would hold
 * 64 MiB. Copies one that holds far more than itself.
 */
const own = (fragments: Buffer[], index: number): void => {
  const fragment = fragments[index];
  if (fragment === undefined || fragment.buffer.byteLength <= 2 * fragment.length) return;
  // Not of Buffer's pool, which would be held in its turn.
  const copy = Buffer.allocUnsafeSlow(fragment.length);
  fragment.copy(copy);
  fragments[index] = copy;
};
