// Each example as a user starts it: the first printed result, then Ctrl-C and a clean end within 10 s.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { startProgram } from "../kit/program.ts";

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
  expect(lightEnd.tookMs).toBeLessThan(10_000);
  await server.prints(/client connected [0-9a-f]{16}/);
  const serverEnd = await server.stop();
  expect(serverEnd).toMatchObject({ code: 0 });
  expect(serverEnd.tookMs).toBeLessThan(10_000);
});
