import { type Enode, formatEnode, makeEnode } from "#enode";
import { Feed } from "#event";
import type { Host } from "#host";
import { P2pError } from "./errors.ts";
import type { Peer, PeerInfo } from "./peer.ts";
import type { NodeInfo, PeerEvent, Self, ServerConfig } from "./server-types.ts";

export class Server implements AsyncDisposable {
  readonly config: ServerConfig;
  readonly peerEvents: Feed<PeerEvent> = new Feed();
  readonly #host: Host;

  constructor(config: ServerConfig, host: Host) {
    this.config = config;
    this.#host = host;
  }
  get self(): Self {
    const node: Enode = makeEnode(new Uint8Array(64));
    return { id: node.id, node, enode: formatEnode(node) };
  }
  /** Connected peers by 64-hex id. */
  get peers(): ReadonlyMap<string, Peer> {
    return new Map();
  }
  async start(_options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    throw P2pError("NOT_RUNNING");
  }
  async stop(): Promise<void> {}
  addPeer(_node: string | Enode): void {}
  removePeer(_node: string | Enode): void {}
  addTrustedPeer(_node: string | Enode): void {}
  removeTrustedPeer(_node: string | Enode): void {}
  nodeInfo(): NodeInfo {
    throw P2pError("NOT_RUNNING");
  }
  peersInfo(): PeerInfo[] {
    return [];
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    void this.#host;
  }
}
