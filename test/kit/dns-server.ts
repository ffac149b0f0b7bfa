// A name server on loopback that knows TXT records and nothing else (RFC 1035), by UDP.
import { createSocket } from "node:dgram";
import type { AddressInfo } from "node:net";

const TXT = 16;

/** A name as it stands in a question, and where it ends. */
function readName(packet: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = [];
  for (let length = packet[at] ?? 0; length > 0; length = packet[at] ?? 0) {
    labels.push(packet.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), end: at + 1 };
}

/** A text as strings of 255 bytes at most, each with its length. */
function strings(text: string): Buffer {
  const parts = text.match(/.{1,255}/gs) ?? [""];
  return Buffer.concat(parts.flatMap((part) => [Buffer.from([part.length]), Buffer.from(part, "latin1")]));
}

function answerTo(query: Buffer, texts: ReadonlyMap<string, string>): Buffer {
  const { name, end } = readName(query, 12);
  const question = query.subarray(12, end + 4);
  // names are the same in any letter case
  const found = [...texts].find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2); // no such name, or an answer
  head.writeUInt16BE(1, 4);
  if (found === undefined) return Buffer.concat([head, question]);
  head.writeUInt16BE(1, 6);
  const text = strings(found);
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0); // the name of the question
  record.writeUInt16BE(TXT, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(60, 6);
  record.writeUInt16BE(text.length, 10);
  return Buffer.concat([head, question, record, text]);
}

/** Serves these records until it is disposed; the map may change meanwhile. */
export async function dnsServer(texts: ReadonlyMap<string, string>) {
  const socket = createSocket("udp4");
  let asked = 0;
  socket.on("message", (query, from) => {
    asked++;
    socket.send(answerTo(query, texts), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    /** Questions so far. */
    asked: () => asked,
    [Symbol.dispose]: () => socket.close(),
  };
}
