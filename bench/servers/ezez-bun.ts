import { EZEZWebsocketServer } from "@ezez-ws/adapter-bun";
import { serve } from "./ezez-app.js";

await serve((options, callbacks) => new EZEZWebsocketServer(options, callbacks));
