import type { Server } from "socket.io";

type Answer = (value: unknown) => void;

/** What is not socket.io's default: the generator does not speak its heartbeat. */
export const options = { serveClient: false, pingInterval: 3_600_000 };

/** The same application over socket.io. */
export const serve = (io: Server): void => {
  io.use((socket, next) => next(socket.handshake.auth.key === "key" ? undefined : new Error("not authorized")));
  io.on("connection", (socket) => {
    socket.on("echo", (value: unknown, answer: Answer) => answer(value));
    socket.on("broadcast", () => io.emit("news", "hello"));
    socket.on("ask", (answer: Answer) => {
      const { sockets } = io.of("/");
      let missing = sockets.size;
      const onReply = (): void => {
        missing--;
        if (missing === 0) answer("done");
      };
      for (const one of sockets.values()) one.emit("question", "hello", onReply);
    });
  });
};
