import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { listening } from "./child.js";
import { options, serve } from "./socketio-app.js";

const server = createServer();
serve(new Server(server, options));
server.listen(0, "127.0.0.1", () => listening((server.address() as AddressInfo).port));
