// A server that ends in an orderly way when it is told to: `server.ts [ws|uws|bun|deno] [PORT]`.
import process from "node:process";

type Events = { echo: [text: string] };

const [adapter = "ws", port = "8080"] = process.argv.slice(2);

// Of course an application imports one of them alone.
const importAdapter = () => {
  if (adapter === "uws") return import("@ezez-ws/adapter-uws");
  if (adapter === "bun") return import("@ezez-ws/adapter-bun");
  if (adapter === "deno") return import("@ezez-ws/adapter-deno");
  return import("@ezez-ws/adapter-ws");
};

const { EZEZWebsocketServer } = await importAdapter();
const server = new EZEZWebsocketServer<Events>(
  { port: Number(port) },
  {
    onAuthRequest: () => true,
    onAuthOk: (client) => {
      client.on("echo", (args, reply) => reply("echo", args));
    },
  },
);

// No client is accepted from here on, each that there is is closed with 1001 and comes back to the next server, and those
// that do not answer are dropped after two seconds. Then nothing is left, and the process ends by itself, with code 0.
const shutDown = async (): Promise<void> => {
  await server.close({ timeoutMs: 2000 });
  console.log("closed");
};
process.once("SIGTERM", shutDown);
process.once("SIGINT", shutDown);

await server.start();
console.log(`listening on ${server.address()?.port}`);
