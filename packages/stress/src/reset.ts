import type { Socket } from "node:net";

/**
 * Ends a connection with a TCP reset. One whose own side is ended is only destroyed: Node 20 would lose its handle, and
 * then wait for it when the process ends, without end.
 */
export const reset = (socket: Socket): void => {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
};
