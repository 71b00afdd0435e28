import type { ServerWebSocket } from "bun";
import { listening } from "./child.js";
import { ASK, BROADCAST, NEWS, Round } from "./raw-app.js";

const clients = new Set<ServerWebSocket>();
const round = new Round(clients, (client, bytes) => client.send(bytes));

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 400 })),
  websocket: {
    idleTimeout: 0,
    backpressureLimit: 0,
    open: (client) => {
      clients.add(client);
      client.subscribe("news");
    },
    message: (client, data) => {
      if (round.lasts) round.answered();
      else if (data.length > 1) client.send(data);
      else if (data[0] === BROADCAST) server.publish("news", NEWS);
      else if (data[0] === ASK) round.start(client);
    },
    close: (client) => void clients.delete(client),
  },
});
listening(server.port ?? 0);
