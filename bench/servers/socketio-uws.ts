import uWS from "uWebSockets.js";
import { Server } from "socket.io";
import { listening } from "./child.js";
import { options, serve } from "./socketio-app.js";

const app = uWS.App();
const io = new Server(options);
io.attachApp(app);
serve(io);
app.listen("127.0.0.1", 0, (socket) => listening(uWS.us_socket_local_port(socket)));
