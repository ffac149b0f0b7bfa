/**
 * les: light clients and their servers over the Light Ethereum Subprotocol, versions 2 to 4: the door for programs.
 *
 * - `LightEthereum`: a light node whose heads and proofs come from LES servers.
 * - `LesServer`: serves light clients from a full node.
 *
 * Their parts are rooms of their own: `light`, `light/node`, `les/client`, `les/server`, `les/protocol`, `les/flowcontrol`.
 */
export { LightEthereum, type LightEthereumOptions } from "./light-ethereum.ts";
export { type ClientEvent, type LesBackend, LesServer, type LesServerOptions } from "#les/server";
