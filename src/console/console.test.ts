import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { type ConsoleClient, evaluate, runConsole } from "./index.ts";

/** A whole session: the lines go in, what was printed comes out. */
async function session(client: ConsoleClient, ...lines: string[]): Promise<string> {
  const input = new PassThrough();
  const output = new PassThrough();
  let printed = "";
  output.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const done = runConsole({ client, input, output, terminal: false });
  for (const line of lines) input.write(`${line}\n`);
  input.end();
  await done;
  return printed;
}

const server: ConsoleClient = {
  async request({ method, params = [] }) {
    if (method === "rpc_methods")
      throw Object.assign(new Error("the method rpc_methods does not exist/is not available"), {
        code: -32601,
      });
    if (method === "rpc_modules") return { eth: "1.0", net: "1.0" };
    if (method === "eth_blockNumber") return "0x10";
    if (method === "eth_call") throw Object.assign(new Error("execution reverted"), { code: 3 });
    return { method, params };
  },
};

test("a method that is only named is called, results are awaited", async () => {
  expect(await session(server, "eth.blockNumber")).toContain("'0x10'");
  expect(await session(server, "parseInt(await eth.blockNumber()) + 1")).toContain("17");
});

test("await at the top level: what is declared stays, the last value is printed", async () => {
  const printed = await session(
    server,
    "var x = await eth.blockNumber()",
    "x + 'a'",
    "const { method, params: [p] } = await rpc('my_method', ['b;c']), y = 2; method + p + y",
    "let z = await eth.blockNumber(",
    "); z + 'd'",
    "for (const one of [1, 2]) await rpc('x', [one]); z + 'e'",
    "if (await eth.blockNumber()) { z = 5 }",
    "z + 1",
    "await nothing()",
  );
  for (const text of ["'0x10a'", "'my_methodb;c2'", "'0x10d'", "'0x10e'", "6", "nothing is not defined"])
    expect(printed).toContain(text);
  expect(printed).not.toContain("SyntaxError");
  expect(await evaluate(server, "var a = await eth.blockNumber()\nlet b = 1\na + b")).toBe("'0x101'");
});

test("parameters arrive in order", async () => {
  expect(await session(server, `eth.getBalance("0x01", "latest")`)).toContain(
    "{ method: 'eth_getBalance', params: [ '0x01', 'latest' ] }",
  );
  expect(await session(server, `rpc("my_method", [1])`)).toContain("{ method: 'my_method', params: [ 1 ] }");
});

test("an error is one line with its code, and the session goes on", async () => {
  const printed = await session(server, "eth.call({})", "1 + 1", "nonsense(");
  expect(printed).toContain("Error (3): execution reverted");
  expect(printed).toContain("2");
});

test("lines of a pipe are answered one after the other, all of them, also when the input ends before", async () => {
  let under = 0;
  let most = 0;
  const slow: ConsoleClient = {
    async request(call) {
      const answer = await server.request(call);
      if (call.method !== "eth_getBalance") return answer;
      most = Math.max(most, ++under);
      await new Promise((resolve) => setTimeout(resolve, 20));
      under--;
      return `balance of ${String(call.params?.[0])}`;
    },
  };
  const printed = await session(
    slow,
    ...["a", "b", "c"].map((name) => `eth.getBalance("${name}")`),
    "nonsense)",
    "`two",
    "lines`.length",
  );
  const told = printed.match(/balance of .|Unexpected token|\b9\b/g);
  expect(told).toEqual(["balance of a", "balance of b", "balance of c", "Unexpected token", "9"]);
  expect(most).toBe(1);
});

test("one piece of code gives what would have been printed", async () => {
  expect(await evaluate(server, "eth.blockNumber")).toBe("'0x10'");
  await expect(evaluate(server, "eth.call({})")).rejects.toThrow("execution reverted");
});

test("a namespace the server does not serve does not exist", async () => {
  expect(await session(server, "admin.peers")).toContain("admin is not defined");
});
