import uWS, { type WebSocket } from "uWebSockets.js";
import { listening } from "./child.js";
import { ASK, BROADCAST, NEWS, Round } from "./raw-app.js";

const clients = new Set<WebSocket<unknown>>();
const round = new Round(clients, (client, bytes) => client.send(bytes, true));

const app = uWS.App();
app.ws("/*", {
  maxPayloadLength: 1024 * 1024,
  // As an adapter has it: a client may be slow, and loses nothing.
  maxBackpressure: 0,
  open: (client) => {
    clients.add(client);
    client.subscribe("news");
  },
  message: (client, data) => {
    if (round.lasts) round.answered();
    else if (data.byteLength > 1) client.send(data, true);
    else if (new Uint8Array(data)[0] === BROADCAST) app.publish("news", NEWS, true);
    else if (new Uint8Array(data)[0] === ASK) round.start(client);
  },
  close: (client) => void clients.delete(client),
});
app.listen("127.0.0.1", 0, (socket) => listening(uWS.us_socket_local_port(socket)));
