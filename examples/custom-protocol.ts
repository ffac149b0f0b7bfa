// A protocol of your own on devp2p: two nodes that greet each other, keep a history and chat.
//
//   node custom-protocol.js                    listens and prints its enode
//   node custom-protocol.js enode://…@ip:port  connects to the first one
import { generateKey } from "glim/crypto";
import { type Protocol, Server, wire } from "glim/p2p";
import { list, struct, uint53, utf8 } from "glim/rlp";

const chat1 = wire({
  name: "chat",
  version: 1,
  messages: {
    hello: { code: 0x00, body: struct({ nick: utf8(32) }) },
    say: { code: 0x01, body: struct({ text: utf8(1024) }) },
    getHistory: { code: 0x02, body: struct({ max: uint53 }), reply: "history", maxItems: 256 },
    history: { code: 0x03, body: list(utf8(1024), { max: 256 }) },
  },
});

function chat(nick: string, history: string[]): Protocol {
  return {
    ...chat1,
    async run(peer, rw, signal) {
      const session = chat1.open(rw, { signal });
      await session.send("hello", { nick });
      const them = await session.receive("hello", { timeoutMs: 5_000 });
      await Promise.all([
        // serve while asking: both ends may ask at once
        session.serve({
          say: ({ text }) => console.log(`${them.nick} (${peer.id.slice(0, 8)}): ${text}`),
          getHistory: ({ max }) => history.slice(-max),
        }),
        session.request("getHistory", { max: 10 }).then(async (past) => {
          console.log(`${them.nick} remembers ${past.length} lines`);
          history.push(...past);
          await session.send("say", { text: `hello ${them.nick}` });
        }),
      ]);
    },
  };
}

const [url] = process.argv.slice(2);
await using server = new Server({
  privateKey: generateKey(),
  name: "chat/v1",
  maxPeers: 10,
  listenAddr: "127.0.0.1:0",
  noDiscovery: true,
  protocols: [chat(url === undefined ? "alice" : "bob", ["it began here"])],
});
await server.start();
console.log(`listening as ${server.self.enode}`);
if (url !== undefined) server.addPeer(url);

const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort());
for await (const event of server.peerEvents.stream({ signal: stopping.signal }))
  console.log(event.type, event.peer);
