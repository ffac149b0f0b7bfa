import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nodeHost } from "#host/node";
import { describe, expect, test } from "vitest";
import { TestService } from "../../test/kit/rpc-service.ts";
import { RpcServer } from "./server.ts";

/** Where our answers differ from geth's on purpose: file → line → what we say instead (undefined: not spoken at all). */
const DIFFERENT: Readonly<
  Record<string, { why: string; replies: Readonly<Record<string, RegExp | undefined>> }>
> = {
  "internal-error.js": {
    why: "our texts of unexpected errors are an id only: what broke goes to the log (house.md §2.5); no Go marshaller here",
    replies: {
      test_marshalError: /"code":-32601/,
      test_panic:
        /^\{"jsonrpc":"2.0","id":2,"error":\{"code":-32603,"message":"internal error, id [0-9a-f]{12}"\}\}$/,
    },
  },
  "invalid-syntax.json": {
    why: "the text after -32700 is Go's JSON decoder's; ours is `parse error`",
    replies: { "'f": /"code":-32700,"message":"parse error"/ },
  },
  "revcall.js": {
    why: "a server does not call its client back: nothing in Ethereum does",
    replies: { "*": undefined },
  },
  "revcall2.js": { why: "as revcall.js", replies: { "*": undefined } },
};

interface Exchange {
  readonly sent: string;
  readonly expected: readonly string[];
}

function readScript(text: string): Exchange[] {
  const exchanges: { sent: string; expected: string[] }[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("--> ")) exchanges.push({ sent: line.slice(4), expected: [] });
    else if (line.startsWith("<-- ")) exchanges.at(-1)?.expected.push(line.slice(4));
  }
  return exchanges;
}

/** Everything the server says to one message, until it has nothing more to say. */
async function play(sent: string, server: RpcServer): Promise<string[]> {
  const got: string[] = [];
  const connection = server.connect({ transport: "inproc", remote: "" }, (text) => got.push(text));
  await connection.receive(sent);
  for (let i = 0; i < 20; i++) await Promise.resolve(); // five items of a subscription, all of them already there
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  connection.close();
  return got;
}

const folder = fileURLToPath(new URL("../../test/vectors/rpc/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".js") || name.endsWith(".json"));

describe("geth's rpc/testdata", () => {
  test("all 18 scripts are here", () => expect(files).toHaveLength(18));

  for (const name of files) {
    const different = DIFFERENT[name]?.replies ?? {};
    if ("*" in different) continue;
    test(name, async () => {
      const batchItems = name === "invalid-batch-toolarge.js" ? 4 : 1_000;
      for (const { sent, expected } of readScript(readFileSync(`${folder}${name}`, "utf8"))) {
        const server = new RpcServer({
          apis: new TestService().apis,
          host: nodeHost(),
          limits: { batchItems },
        });
        const got = await play(sent, server);
        const other = Object.entries(different).find(([part]) => sent.includes(part))?.[1];
        if (other !== undefined) expect(got.join("\n")).toMatch(other);
        else {
          const id = /"result":"(0x[0-9a-f]+)"/.exec(got[0] ?? "")?.[1]; // ours are random, geth's test counts
          const named = got.map((line) =>
            name === "subscription.js" && id !== undefined ? line.replaceAll(id, "0x1") : line,
          );
          expect(named, sent).toEqual(expected);
        }
      }
    });
  }
});
