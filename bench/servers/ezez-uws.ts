import { EZEZWebsocketServer } from "@ezez-ws/adapter-uws";
import { serve } from "./ezez-app.js";

await serve((options, callbacks) => new EZEZWebsocketServer(options, callbacks));
