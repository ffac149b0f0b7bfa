import { type Api, api, json, method } from "#rpc";
import { toHex } from "#util";
import type { LightStatus } from "./light-ethereum.ts";

/** The `light_` namespace: how the light node stands. Numbers are plain, hashes hex. */
export function lightApi(status: () => LightStatus): Api {
  return api({
    namespace: "light",
    methods: {
      status: method({
        doc: "Head and its age, servers, bytes, proofs checked, what is kept, own transactions.",
        params: [],
        result: json,
        isConcurrent: true,
        handle: () => {
          const { head, servers, ...rest } = status();
          return {
            ...rest,
            head: { ...head, hash: toHex(head.hash) },
            servers: servers.map((server) => ({
              ...server,
              head: { number: server.head.number, hash: toHex(server.head.hash) },
            })),
          };
        },
      }),
    },
  });
}
