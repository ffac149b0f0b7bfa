/**
 * glim: an Ethereum node in TypeScript that you can embed. This is the root door: the classes a program starts with. Every
 * room is a subpath of its own (`glim/p2p`, `glim/rpc`, `glim/core/types`, …).
 */
export { type Account, AccountManager, type Wallet } from "#accounts";
export { KeyStore, type KeyStoreOptions } from "#accounts/keystore";
export { Ethereum, type EthereumOptions, ProtocolManager } from "#eth";
export { LesServer, type LesServerOptions, LightEthereum, type LightEthereumOptions } from "#les";
export { type Config, Node, type Service, type ServiceContext } from "#node";
export { type Peer, type Protocol, Server, type ServerConfig, wire } from "#p2p";
export { devGenesis, type Genesis, parseGenesis } from "#params";
export { type Api, api, dialRpc, method, RpcClient, RpcError, subscription } from "#rpc";
