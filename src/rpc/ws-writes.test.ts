import { createHook } from "node:async_hooks";
import { connect } from "node:net";
import { nodeHost } from "#host/node";
import { expect, test } from "vitest";
import { TestService } from "../../test/kit/rpc-service.ts";
import { until } from "../../test/kit/until.ts";
import { HttpEndpoint } from "./http.ts";
import { RpcServer } from "./server.ts";

const UPGRADE =
  "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/** A client's text frame, masked with zeros. */
function frame(text: string): Buffer {
  return Buffer.concat([Buffer.of(0x81, 0x80 | text.length), Buffer.alloc(4), Buffer.from(text)]);
}

test("RP-16 the replies to messages that come together go to the kernel together, each in a frame, in order", async () => {
  const server = new RpcServer({ apis: new TestService().apis, host: nodeHost() });
  const endpoint = await HttpEndpoint.open({
    host: "127.0.0.1",
    port: 0,
    ws: { server },
    clock: nodeHost().clock,
  });
  const socket = connect(endpoint.address.port, "127.0.0.1");
  let got = "";
  socket.on("data", (chunk) => (got += chunk.toString("latin1")));
  socket.write(UPGRADE);
  await until("the upgrade", () => got.includes("\r\n\r\n"));
  let writes = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === "WRITEWRAP") writes++;
    },
  }).enable();
  const messages = Array.from(
    { length: 40 },
    (_, id) => `{"jsonrpc":"2.0","id":${id},"method":"rpc_modules"}`,
  );
  socket.write(Buffer.concat(messages.map(frame)));
  await until("every reply", () => (got.match(/"result"/g) ?? []).length === 40);
  hook.disable();
  expect([...got.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id))).toEqual(messages.map((_, id) => id));
  expect(writes, "one of the client, the others of the server").toBeLessThan(20);
  socket.destroy();
  await endpoint.close();
});
