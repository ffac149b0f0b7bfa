// Each example as a user starts it: the first printed result, then Ctrl-C and a clean end within 10 s.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { SECONDS_MS, startProgram } from "../kit/program.ts";

const folder = await mkdtemp(join(tmpdir(), "glim examples "));
afterAll(() => rm(folder, { recursive: true, force: true }));
const example = (name: string) => join("dist", "examples", `${name}.js`);

test("(d) a LES server, and (c) a light node that reads from it through viem", async () => {
  await using server = startProgram([example("les-server")], {
    SERVER_DATA: join(folder, "server"),
    SERVER_LISTEN: "127.0.0.1:0",
    SERVER_HTTP_PORT: "0",
  });
  const [enode] = await server.prints(/enode:\/\/\S+/);
  await using light = startProgram([example("light-node"), enode], { LIGHT_DATA: join(folder, "light") });
  await light.prints(/^1000000 ether at block \d+$/m);
  await light.prints(/^head \d+$/m);
  const lightEnd = await light.stop();
  expect(lightEnd).toMatchObject({ code: 0 });
  expect(lightEnd.tookMs).toBeLessThan(SECONDS_MS);
  await server.prints(/client connected [0-9a-f]{16}/);
  const serverEnd = await server.stop();
  expect(serverEnd).toMatchObject({ code: 0 });
  expect(serverEnd.tookMs).toBeLessThan(SECONDS_MS);
});

test("(b) a node with a service", async () => {
  await using node = startProgram([example("service"), "0"], {});
  const [line] = await node.prints(/^0x0 peers; ask at http:\/\/127\.0\.0\.1:\d+$/m);
  const url = line.slice(line.indexOf("http"));
  const reply = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: '{"jsonrpc":"2.0","id":1,"method":"rpc_modules"}',
  });
  expect(await reply.json()).toEqual({ jsonrpc: "2.0", id: 1, result: { census: "1.0", rpc: "1.0" } });
  const end = await node.stop();
  expect(end).toMatchObject({ code: 0 });
  expect(end.tookMs).toBeLessThan(SECONDS_MS);
});

test("(a) a protocol of one's own: two nodes greet each other", async () => {
  await using alice = startProgram([example("custom-protocol")], {});
  const [enode] = await alice.prints(/enode:\/\/\S+/);
  await using bob = startProgram([example("custom-protocol"), enode], {});
  await bob.prints(/^alice remembers \d lines$/m);
  await alice.prints(/^bob \([0-9a-f]{8}\): hello alice$/m);
  for (const program of [bob, alice]) {
    const end = await program.stop();
    expect(end).toMatchObject({ code: 0 });
    expect(end.tookMs).toBeLessThan(SECONDS_MS);
  }
});
