import { parseEnode } from "#enode";
import { type Api, api, json, list, method, optional, text } from "#rpc";
import type { LesServer } from "./les-server.ts";

/** Node id from 64 hex digits or an enode URL; undefined: neither. geth les/api.go:53@v1.11.6 */
function idOf(node: string): string | undefined {
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(node)) return node.replace(/^0x/, "").toLowerCase();
  try {
    return parseEnode(node).id;
  } catch {
    return undefined; // geth skips what it cannot read
  }
}

/** `les_serverInfo` and `les_clientInfo`, shapes of geth les/api.go@v1.11.6. Capacities are minRecharge units per ms. */
export function lesServerApi(server: LesServer): Api {
  const capacity = () => server.options.flow.minRecharge;
  return api({
    namespace: "les",
    methods: {
      serverInfo: method({
        doc: "Capacities of this LES server.",
        params: [],
        result: json,
        handle: () => ({
          minimumCapacity: capacity(),
          maximumCapacity: capacity() * server.options.lightPeers,
          totalCapacity: capacity() * server.options.lightPeers,
          totalConnectedCapacity: capacity() * server.clients.size,
          priorityConnectedCapacity: 0,
        }),
      }),
      clientInfo: method({
        doc: "Clients by node id; of those named (ids or enode URLs), or of all connected.",
        params: [optional(list(text))],
        result: json,
        handle: ([nodes]) => {
          const named = (nodes ?? []).map(idOf).filter((id) => id !== undefined);
          const ids = named.length > 0 ? named : [...server.clients.keys()];
          return Object.fromEntries(ids.map((id) => [id, clientInfo(server, id)]));
        },
      }),
    },
  });
}

function clientInfo(server: LesServer, id: string): Record<string, unknown> {
  const client = server.clients.get(id);
  const base = { isConnected: client !== undefined, "pricing/balance": 0, priority: false };
  if (client === undefined) return base;
  return {
    ...base,
    connectionTime: client.connectedSeconds(),
    capacity: client.flow.minRecharge,
    "pricing/negBalance": 0,
    // beyond geth's: what an operator asks next
    requests: client.served,
    buffer: Math.floor(client.bufferValue()),
    frozen: client.isFrozen,
  };
}
