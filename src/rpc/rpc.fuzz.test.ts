import { connect } from "node:net";
import fc from "fast-check";
import { nodeHost } from "#host/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, http } from "../../test/kit/rpc.ts";
import { TestService } from "../../test/kit/rpc-service.ts";
import {
  address,
  type AnyCodec,
  bool,
  bytes,
  hash,
  hexOrDecimal,
  json,
  literal,
  number,
  quantity,
  slot,
  text,
  uint53,
  uint64,
} from "./codec.ts";
import { RpcError } from "./errors.ts";
import { HttpEndpoint } from "./http.ts";
import { JsonSplitter } from "./json.ts";
import { RpcServer } from "./server.ts";
import {
  blockNumberOrHash,
  blockTag,
  either,
  list,
  nullable,
  object,
  oneOrMany,
  optional,
} from "./shapes.ts";

const seed = 20261124;
const server = new RpcServer({ apis: new TestService().apis, host: nodeHost() });

/** Values near what a codec wants, and anything at all. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    "0x",
    "0x0",
    "0x00",
    "latest",
    "0xzz",
    -1,
    2 ** 53,
    Number.MAX_VALUE,
    "",
    "__proto__",
    [[]],
    { blockHash: "0x" },
    { blockNumber: null },
  ),
  fc.stringMatching(/^0x[0-9a-f]{0,70}$/),
);

describe("fuzz", () => {
  const codecs: Readonly<Record<string, AnyCodec>> = {
    quantity,
    uint53,
    uint64,
    hexOrDecimal,
    bytes,
    hash,
    address,
    slot,
    bool,
    text,
    number,
    json,
    blockTag,
    blockNumberOrHash,
    literal: literal("a", "b"),
    list: list(uint53, { max: 3 }),
    many: oneOrMany(address),
    either: either(uint53, text),
    object: object({ a: optional(quantity), b: nullable(list(hash)), c: uint53 }),
  };

  test.each(Object.entries(codecs))(
    "codec %s: a value, or -32602; what it gives encodes to what it takes",
    (name, codec) => {
      fc.assert(
        fc.property(value, (one) => {
          let decoded: unknown;
          try {
            decoded = codec.decode(one, "0");
          } catch (error) {
            expect(error).toBeInstanceOf(RpcError);
            expect(error).toMatchObject({
              code: -32602,
              message: expect.stringMatching(
                /^(invalid argument 0|invalid hex in storage key|storage key too long)/,
              ) as string,
            });
            return;
          }
          if (name === "either") return; // for parameters: writes by its first shape only
          const again: unknown = codec.encode(decoded as never); // as: its own output
          expect(codec.decode(JSON.parse(JSON.stringify(again ?? null)), "0")).toEqual(decoded);
        }),
        { seed, numRuns: 300 },
      );
    },
  );

  test("any message gets valid JSON or nothing, and never throws", async () => {
    const names = fc.constantFrom(
      "test_echo",
      "test_optional",
      "nftest_echo",
      "nftest_subscribe",
      "x_unsubscribe",
      "rpc_modules",
      "test_list",
      "__proto__",
      "",
    );
    const member = fc.record(
      {
        jsonrpc: fc.oneof(fc.constant("2.0"), fc.jsonValue()),
        id: fc.jsonValue(),
        method: fc.oneof(names, fc.jsonValue()),
        params: fc.oneof(fc.array(value), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const message = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.jsonValue().map((one) => JSON.stringify(one)),
      member.map((one) => JSON.stringify(one)),
      fc.array(member).map((one) => JSON.stringify(one)),
    );
    await fc.assert(
      fc.asyncProperty(message, async (one) => {
        const replies: string[] = [];
        const connection = server.connect({ transport: "inproc", remote: "" }, (reply) =>
          replies.push(reply),
        );
        const received = await connection.receive(one);
        connection.close();
        const first = replies[0];
        if (first !== undefined) expect(JSON.parse(first)).toBeTypeOf("object");
        if (received === "broken") expect(first).toContain("-32700");
        expect(first ?? "").not.toContain("-32603");
      }),
      { seed, numRuns: 1_000 },
    );
  });

  test("any bytes leave the splitter at its bound or with an answer", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 30 }), (chunks) => {
        const splitter = new JsonSplitter(200);
        for (const chunk of chunks) {
          if (splitter.push(Buffer.from(chunk), () => {}) !== undefined) return;
          expect(splitter.heldBytes).toBeLessThanOrEqual(200);
        }
      }),
      { seed, numRuns: 1_000 },
    );
  });
});

describe("fuzz over HTTP", () => {
  let endpoint: HttpEndpoint;
  beforeAll(async () => {
    endpoint = await HttpEndpoint.open({
      host: "127.0.0.1",
      port: 0,
      http: { server },
      ws: { server },
      clock: nodeHost().clock,
    });
  });
  afterAll(() => endpoint.close());

  test("whatever comes in, the next honest request is answered", async () => {
    const line = fc.constantFrom(
      "POST / HTTP/1.1",
      "GET / HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      "Content-Length: 2",
      "Content-Length: 5",
      "Transfer-Encoding: chunked",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version: 13",
      "Expect: 100-continue",
      "",
      "{}",
      "0",
      "\u0000",
    );
    const request = fc.oneof(
      fc.array(line, { maxLength: 12 }).map((lines) => Buffer.from(lines.join("\r\n"))),
      fc.uint8Array({ maxLength: 300 }).map((one) => Buffer.from(one)),
    );
    await fc.assert(
      fc.asyncProperty(request, async (bytes) => {
        await new Promise<void>((resolve) => {
          const socket = connect(endpoint.address.port, "127.0.0.1");
          socket.on("error", () => {});
          socket.on("close", () => resolve());
          socket.resume();
          socket.end(bytes);
        });
        expect((await http(endpoint.address.port, { body: call(1, "nftest_echo", [1]) })).body).toContain(
          '"result":1',
        );
      }),
      { seed, numRuns: 150 },
    );
  });
});
