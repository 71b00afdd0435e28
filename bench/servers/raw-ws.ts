import type { AddressInfo, Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { listening } from "./child.js";
import { ASK, BROADCAST, NEWS, Round } from "./raw-app.js";

// A frame of a server is not masked, so one serves all: FIN and binary, the length, the payload.
const newsFrame = Buffer.concat([Buffer.from([0x82, NEWS.length]), NEWS]);
const BINARY = { binary: true };

const sockets = new Set<Socket>();
const clients = new Set<WebSocket>();
const round = new Round(clients, (client, bytes) => client.send(bytes, BINARY));

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  listening((server.address() as AddressInfo).port);
});
server.on("connection", (client, { socket }) => {
  sockets.add(socket);
  clients.add(client);
  client.on("message", (data: Buffer) => {
    if (round.lasts) round.answered();
    else if (data.length > 1) client.send(data, BINARY);
    else if (data[0] === BROADCAST) for (const socket of sockets) socket.write(newsFrame);
    else if (data[0] === ASK) round.start(client);
  });
  client.on("close", () => {
    sockets.delete(socket);
    clients.delete(client);
  });
});
