import { LesClient, type LesClientOptions } from "#les/client";
import { LightEthereum as LightNode, type LightEthereumOptions as LightNodeOptions } from "#light/node";
import type { ServiceContext } from "#node";

export interface LightEthereumOptions
  extends Omit<LightNodeOptions, "source">,
    Pick<LesClientOptions, "versions" | "maxServers" | "signedAnnounces"> {}

/** A light node whose heads and proofs come from the LES servers that the node's p2p server connects. */
export class LightEthereum extends LightNode {
  constructor(context: ServiceContext, options: LightEthereumOptions) {
    const { versions, maxServers, signedAnnounces } = options;
    super(context, {
      ...options,
      source: (parts) => new LesClient({ ...parts, versions, maxServers, signedAnnounces }),
    });
  }
}
