import { EZEZWebsocketServer } from "@ezez-ws/adapter-ws";
import { serve } from "./ezez-app.js";

await serve((options, callbacks) => new EZEZWebsocketServer(options, callbacks));
