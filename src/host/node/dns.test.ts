import { createSocket } from "node:dgram";
import { describe, expect, test } from "vitest";
import { nodeDns } from "./dns.ts";

describe("DNS", () => {
  /** A name server on loopback which answers every TXT question with these pieces, or never. */
  async function nameServer(pieces: readonly string[] | undefined) {
    const socket = createSocket("udp4");
    socket.on("message", (query, from) => {
      if (pieces === undefined) return;
      const question = query.subarray(12);
      const text = Buffer.concat(
        pieces.map((piece) => Buffer.from([Buffer.byteLength(piece), ...Buffer.from(piece)])),
      );
      const head = Buffer.from([...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
      const end = query.indexOf(0, 12) + 5; // the question alone: name, type, class
      const record = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, text.length >> 8, text.length & 255]);
      socket.send(
        Buffer.concat([head, question.subarray(0, end - 12), record, text]),
        from.port,
        from.address,
      );
    });
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${socket.address().port}`;
    return { dns: nodeDns([address]), [Symbol.dispose]: () => socket.close() };
  }

  test("TXT records, their pieces joined", async () => {
    using server = await nameServer(["enrtree-root:v1 ", "e=ABC"]);
    expect(await server.dns.txt("nodes.example.org", { timeoutMs: 60_000 })).toEqual([
      "enrtree-root:v1 e=ABC",
    ]);
  });

  test("F45 a server that does not answer: an error within the time; an abort ends it", async () => {
    using server = await nameServer(undefined);
    await expect(server.dns.txt("n.example", { timeoutMs: 50 })).rejects.toMatchObject({
      code: "HOST_LOOKUP_FAILED",
    });
    const abort = new AbortController();
    const asked = server.dns.txt("n.example", { timeoutMs: 60_000, signal: abort.signal });
    abort.abort(new Error("over"));
    await expect(asked).rejects.toThrow("over");
  });
});
