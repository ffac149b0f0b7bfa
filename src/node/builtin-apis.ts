import { keccak256 } from "#crypto";
import type { Clock } from "#host";
import type { Metrics } from "#metrics";
import type { Server } from "#p2p";
import {
  type Api,
  api,
  bool,
  bytes,
  json,
  method,
  number,
  optional,
  quantity,
  RpcError,
  rpcCodes,
  subscription,
  text,
} from "#rpc";
import type { ResolvedConfig } from "./config.ts";
import type { HttpSettings, WsSettings } from "./endpoints.ts";
import { NodeError } from "./errors.ts";

/** What the built-in tables need of their node. */
export interface NodeFace {
  readonly config: ResolvedConfig;
  readonly server: Server | undefined;
  readonly metrics: Metrics | undefined;
  readonly networkId: bigint | undefined;
  readonly httpEndpoint: string;
  readonly wsEndpoint: string;
  readonly isServingHttp: boolean;
  readonly isServingWs: boolean;
  unixSeconds(): number;
  sleep: Clock["sleep"];
  startHttp(settings: HttpSettings): Promise<void>;
  stopHttp(): void;
  startWs(settings: WsSettings): Promise<void>;
  stopWs(): void;
}

/** admin_, net_ and web3_: what every node serves (geth node/api.go@v1.8.27); registered before the services' tables. */
export function builtinApis(node: NodeFace): readonly Api[] {
  return [adminPrivate(node), adminPublic(node), debugPublic(node), net(node), web3(node)];
}

const enodeUrl = text;

function serverOf(node: NodeFace): Server {
  if (node.server === undefined) throw NodeError("NOT_STARTED");
  return node.server;
}

/** A row that changes the peer set and answers true; a URL that does not parse is refused as geth does. */
function peerMethod(doc: string, node: NodeFace, act: (server: Server, url: string) => void) {
  return method({
    doc,
    params: [enodeUrl],
    result: bool,
    handle([url]) {
      const server = serverOf(node);
      try {
        act(server, url);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && String(error.code).startsWith("ENODE_")))
          throw error;
        throw new RpcError(rpcCodes.failed, `invalid enode: ${error.message}`);
      }
      return true;
    },
  });
}

/** Comma-separated text as geth's admin methods take it; an empty text is a list of one empty text. */
function splitList(value: string | undefined, otherwise: readonly string[]): readonly string[] {
  return value === undefined ? otherwise : value.split(",").map((one) => one.trim());
}

function adminPrivate(node: NodeFace): Api {
  const warned = new Set<string>();
  const old = (name: string, now: string) => {
    if (!warned.has(name)) node.config.logger.warn("old RPC method name", { method: name, now });
    warned.add(name);
  };
  const startHttp = (doc: string, before: () => void) =>
    method({
      doc,
      params: [optional(text), optional(number), optional(text), optional(text), optional(text)],
      result: bool,
      async handle([host, port, cors, apis, vhosts]) {
        before();
        if (node.isServingHttp)
          throw new RpcError(rpcCodes.failed, `HTTP RPC already running on ${node.httpEndpoint}`);
        const { http } = node.config;
        await node.startHttp({
          host: host ?? (http.host === "" ? "localhost" : http.host),
          port: port ?? http.port,
          cors: splitList(cors, http.cors),
          vhosts: splitList(vhosts, http.vhosts),
          modules: splitList(apis, http.modules),
        });
        return true;
      },
    });
  const stopHttp = (doc: string, before: () => void) =>
    method({
      doc,
      params: [],
      result: bool,
      handle() {
        before();
        if (!node.isServingHttp) throw new RpcError(rpcCodes.failed, "HTTP RPC not running");
        node.stopHttp();
        return true;
      },
    });
  return api({
    namespace: "admin",
    isPublic: false,
    methods: {
      addPeer: peerMethod("Keeps a connection to this node.", node, (server, url) => server.addPeer(url)),
      removePeer: peerMethod("Drops this node and no longer dials it.", node, (server, url) =>
        server.removePeer(url),
      ),
      addTrustedPeer: peerMethod("Admits this node over every cap.", node, (server, url) =>
        server.addTrustedPeer(url),
      ),
      removeTrustedPeer: peerMethod("Takes that back.", node, (server, url) => server.removeTrustedPeer(url)),
      startHTTP: startHttp(
        "Opens the HTTP endpoint: host, port, cors, apis, vhosts (comma lists).",
        () => {},
      ),
      startRPC: startHttp("Old name of admin_startHTTP.", () => old("admin_startRPC", "admin_startHTTP")),
      stopHTTP: stopHttp("Closes the HTTP endpoint.", () => {}),
      stopRPC: stopHttp("Old name of admin_stopHTTP.", () => old("admin_stopRPC", "admin_stopHTTP")),
      startWS: method({
        doc: "Opens the WebSocket endpoint: host, port, origins, apis (comma lists).",
        params: [optional(text), optional(number), optional(text), optional(text)],
        result: bool,
        async handle([host, port, origins, apis]) {
          if (node.isServingWs)
            throw new RpcError(rpcCodes.failed, `WebSocket RPC already running on ${node.wsEndpoint}`);
          const { ws, http } = node.config;
          await node.startWs({
            host: host ?? (ws.host === "" ? "localhost" : ws.host),
            port: port ?? ws.port,
            origins: splitList(origins, ws.origins),
            vhosts: http.vhosts,
            modules: splitList(apis, ws.modules),
            exposeAll: ws.exposeAll,
          });
          return true;
        },
      }),
      stopWS: method({
        doc: "Closes the WebSocket endpoint.",
        params: [],
        result: bool,
        handle() {
          if (!node.isServingWs) throw new RpcError(rpcCodes.failed, "WebSocket RPC not running");
          node.stopWs();
          return true;
        },
      }),
    },
    subscriptions: {
      peerEvents: subscription({
        doc: "Peers that come and go: {type, peer, error?, protocol?, msg_code?, msg_size?}.",
        params: [],
        item: json,
        open: (_, { signal }) => serverOf(node).peerEvents.stream({ signal, capacity: 4_096 }),
      }),
    },
  });
}

function adminPublic(node: NodeFace): Api {
  return api({
    namespace: "admin",
    methods: {
      peers: method({
        doc: "Connected peers, sorted by id.",
        params: [],
        result: json,
        handle: () => serverOf(node).peersInfo(),
      }),
      nodeInfo: method({
        doc: "This node, and what its protocols say of it.",
        params: [],
        result: json,
        handle: () => serverOf(node).nodeInfo(),
      }),
      datadir: method({
        doc: "Absolute data directory; empty for an ephemeral node.",
        params: [],
        result: text,
        handle: () => node.config.dataDir,
      }),
    },
  });
}

function debugPublic({ metrics }: NodeFace): Api {
  return api({
    namespace: "debug",
    methods: {
      metrics: method({
        doc: "What this node counts, as a tree: room, figure, labels. Empty unless it runs with metrics.",
        params: [optional(bool)],
        result: json,
        handle: () => metrics?.tree() ?? {},
      }),
    },
  });
}

function net(node: NodeFace): Api {
  return api({
    namespace: "net",
    methods: {
      version: method({
        doc: "Network id, as decimal text.",
        params: [],
        result: text,
        isConcurrent: true,
        handle() {
          const { networkId } = node;
          if (networkId === undefined) throw new RpcError(rpcCodes.failed, "this node belongs to no network");
          return networkId.toString();
        },
      }),
      listening: method({
        doc: "Always true (geth).",
        params: [],
        result: bool,
        isConcurrent: true,
        handle: () => true,
      }),
      peerCount: method({
        doc: "Peers connected now.",
        params: [],
        result: quantity,
        isConcurrent: true,
        handle: () => node.server?.peers.size ?? 0,
      }),
    },
  });
}

function web3({ config }: NodeFace): Api {
  return api({
    namespace: "web3",
    methods: {
      clientVersion: method({
        doc: "Client name and version.",
        params: [],
        result: text,
        isConcurrent: true,
        handle: () => config.identifier,
      }),
      sha3: method({
        doc: "Keccak-256 of bytes.",
        params: [bytes],
        result: bytes,
        isConcurrent: true,
        handle: ([input]) => keccak256(input),
      }),
    },
  });
}
