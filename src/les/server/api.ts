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

/** Cost units a millisecond of one core is worth: a unit is a nanosecond. */
const UNITS_PER_MS = 1_000_000;

/** `les_serverInfo` and `les_clientInfo`, shapes of geth les/api.go:66-160@v1.11.6. Capacities are cost units per millisecond. */
export function lesServerApi(server: LesServer): Api {
  const { flow, lightPeers, lightServ } = server.options;
  // as geth: what is promised to all, or what the share of a core gives, if that is more
  const total = Math.max(flow.minRecharge * lightPeers, (UNITS_PER_MS * lightServ) / 100);
  return api({
    namespace: "les",
    methods: {
      serverInfo: method({
        doc: "Capacities of this LES server.",
        params: [],
        result: json,
        handle: () => ({
          minimumCapacity: flow.minRecharge,
          maximumCapacity: total,
          totalCapacity: total,
          totalConnectedCapacity: flow.minRecharge * server.clients.size,
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
