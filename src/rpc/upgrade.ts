import type { Duplex } from "node:stream";

const TEXTS: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [431, "Request Header Fields Too Large"],
]);

/** Answers an upgrade request with an HTTP status and closes. */
export function refuseUpgrade(socket: Duplex, status: number, text: string): void {
  socket.on("error", () => {}); // the client may be gone before the answer is
  socket.end(
    `HTTP/1.1 ${status} ${TEXTS.get(status) ?? ""}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
