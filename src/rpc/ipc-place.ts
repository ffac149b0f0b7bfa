import { lstat } from "node:fs/promises";
import { connect } from "node:net";
import { RpcSetupError } from "./listen.ts";

/** Only nothing, or a dead socket of our own, may be where the socket goes. */
export async function checkPlace(path: string): Promise<void> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (there === undefined) return;
  const refuse = (why: string) => RpcSetupError("IPC_REFUSED", { path, why });
  if (there.isSymbolicLink()) throw refuse("there is a symbolic link at this path");
  if (!there.isSocket()) throw refuse("there is something at this path that is no socket");
  if (process.getuid !== undefined && there.uid !== process.getuid())
    throw refuse("the socket there belongs to another user");
  if (await isLive(path)) throw RpcSetupError("IPC_TAKEN", { path });
}

function isLive(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}
