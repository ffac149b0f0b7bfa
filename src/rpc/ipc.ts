import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, rename, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { basename, dirname, join, resolve } from "node:path";
import { nodeHost } from "#host/node";
import { type Logger, silentLogger } from "#log";
import { BodyBudget, type BodyLease, IncomingTexts } from "./body-budget.ts";
import { Intake } from "./intake.ts";
import { checkPlace } from "./ipc-place.ts";
import { JsonSplitter } from "./json.ts";
import { listenFailed, RpcSetupError } from "./listen.ts";
import { type RpcLimits, rpcLimits } from "./limits.ts";
import { rpcCodes } from "./errors.ts";
import { errorText, parseErrorText } from "./message.ts";
import { Outbox } from "./outbox.ts";
import type { RpcServer } from "./server.ts";

export interface IpcEndpointOptions {
  /** Socket path; on Windows the pipe's name. */
  readonly path: string;
  readonly server: RpcServer;
  readonly log?: Logger | undefined;
  readonly limits?: Partial<RpcLimits> | undefined;
}

const noRoomText = errorText("null", {
  code: rpcCodes.busy,
  message: "server is busy: no room for the message",
});
const tooSlowText = errorText("null", { code: rpcCodes.timeout, message: "message took too long" });

/** The kernel's longest socket path (Linux 107, macOS 103). */
const LONGEST_SOCKET_PATH = process.platform === "darwin" ? 103 : 107;

/**
 * JSON-RPC over a unix socket (a named pipe on Windows): JSON values one after the other, replies end with a line end.
 *
 * The socket never exists under a wider mode than 0600: it is bound inside a private 0700 folder, restricted there, and
 * then renamed to its path. A live socket at the path is left alone, a dead one of ours is replaced, anything else is
 * refused (RP-21). BOUNDED: limits.ipcConnections clients, limits.ipcMessageBytes a message.
 */
export class IpcEndpoint implements AsyncDisposable {
  readonly path: string;
  readonly #server: RpcServer;
  readonly #log: Logger;
  readonly #limits: RpcLimits;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  readonly #texts: BodyBudget;
  #inode: number | undefined;

  private constructor({ path, server, log = silentLogger, limits = {} }: IpcEndpointOptions) {
    this.path = path;
    this.#server = server;
    this.#log = log;
    this.#limits = { ...rpcLimits, ...limits };
    this.#texts = new BodyBudget(this.#limits.ipcMessagesBytes);
    this.#listener = createServer((socket) => this.#accept(socket));
  }

  /** @throws RPC_IPC_TAKEN, RPC_IPC_REFUSED (symlink, foreign owner, no socket, path too long), RPC_LISTEN_FAILED */
  static async open(options: IpcEndpointOptions): Promise<IpcEndpoint> {
    const endpoint = new IpcEndpoint(options);
    if (process.platform === "win32") await endpoint.#listen(options.path);
    else await endpoint.#listenUnix();
    return endpoint;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#listener.close(() => done()));
    for (const socket of this.#sockets) socket.destroySoon();
    await this.#unlink();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listenUnix(): Promise<void> {
    const path = resolve(this.path);
    if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
      throw RpcSetupError("IPC_REFUSED", {
        path,
        why: `the path is longer than ${LONGEST_SOCKET_PATH} bytes`,
      });
    }
    const folder = dirname(path);
    await nodeHost().files.mkdir(folder);
    await checkPlace(path);
    const room = join(folder, `.${randomBytes(2).toString("hex")}`);
    await mkdir(room, { mode: 0o700 });
    try {
      const bound = join(room, "s");
      await this.#listen(bound);
      await chmod(bound, 0o600);
      this.#inode = (await lstat(bound)).ino;
      await rename(bound, path);
    } catch (error) {
      this.#listener.close();
      throw error;
    } finally {
      await rm(room, { recursive: true, force: true });
    }
  }

  #listen(path: string): Promise<void> {
    return new Promise((done, fail) => {
      this.#listener.once("error", (error: NodeJS.ErrnoException) =>
        fail(listenFailed(basename(this.path), error)),
      );
      this.#listener.listen(path, () => {
        this.#listener.removeAllListeners("error");
        this.#listener.on("error", (error) => this.#log.warn("ipc listener failed", { error }));
        done();
      });
    });
  }

  /** Removes the socket file if it is still the one we made. */
  async #unlink(): Promise<void> {
    if (this.#inode === undefined) return;
    const there = await lstat(this.path).catch(() => undefined);
    if (there?.ino === this.#inode) await rm(this.path, { force: true });
  }

  #accept(socket: Socket): void {
    if (this.#sockets.size >= this.#limits.ipcConnections) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const outbox = new Outbox(this.#limits, {
      write: (text, done) => socket.write(`${text}\n`, done),
      buffered: () => socket.writableLength,
      overflow: () => socket.destroy(),
    });
    const connection = this.#server.connect({ transport: "ipc", remote: this.path }, (text) =>
      outbox.push(text),
    );
    const splitter = new JsonSplitter(this.#limits.ipcMessageBytes);
    let running = 0;
    let isBroken = false;
    const leave = (text: string) => {
      isBroken = true;
      socket.end(`${text}\n`, () => socket.destroy());
    };
    const texts = new IncomingTexts(
      this.#texts,
      this.#server.host.clock,
      this.#limits.messageTimeoutMs,
      (why) => leave(why === "no room" ? noRoomText : tooSlowText),
    );
    const run = async (text: string, lease: BodyLease | undefined) => {
      if (++running >= this.#limits.messagesAtOnce) intake.hold();
      const received = await connection.receive(text);
      running--;
      lease?.[Symbol.dispose]();
      if (received === "broken" && !isBroken) {
        isBroken = true;
        socket.destroySoon();
      } else intake.release();
    };
    const intake = new Intake(socket, this.#server.turns, connection, (piece) => {
      if (isBroken) return;
      const failure = splitter.push(piece, (text) => {
        if (!isBroken) void run(text, texts.whole());
      });
      if (failure === undefined) texts.reaches(splitter.heldBytes);
      if (failure === "syntax") leave(parseErrorText);
      else if (failure === "too large") {
        leave(
          errorText("null", {
            code: rpcCodes.tooLarge,
            message: `message too large: more than ${this.#limits.ipcMessageBytes} bytes`,
          }),
        );
      }
    });
    socket.on("error", (error) => this.#log.debug("ipc client failed", { error }));
    socket.on("close", () => {
      this.#sockets.delete(socket);
      texts[Symbol.dispose]();
      connection.close();
    });
  }
}
