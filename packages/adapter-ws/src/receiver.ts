import type { Writable } from "node:stream";
import type { WebSocket } from "ws";

/**
 * Keeps what comes behind a broken frame from the receiver of ws, which from 8.22.2 on ends the process over it: while its
 * events are deferred, input waits in the stream, which hands the rest over even when one chunk has failed; and the mask of
 * the frame that failed is gone by then. https://github.com/websockets/ws/blob/8.23.0/lib/receiver.js
 */
export const stopAtBrokenFrame = (webSocket: WebSocket): void => {
  const { _receiver: receiver } = webSocket as WebSocket & { readonly _receiver?: Writable | null };
  // Bun's ws has null in its place.
  if (receiver === undefined || receiver === null) return;
  const write = receiver._write;
  receiver._write = function (this: Writable, chunk, encoding, callback) {
    if (this.errored === null) write.call(this, chunk, encoding, callback);
    else callback();
  };
};
