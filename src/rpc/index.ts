/**
 * rpc: JSON-RPC, both ends. One server core reached in process, over IPC, HTTP and WebSocket; method tables with checked
 * parameters; a client that is an EIP-1193 provider.
 *
 * A service offers `api({ namespace, methods, subscriptions })`; each row is `method({ doc, params, result, handle })` with
 * codecs (`quantity`, `hash`, `blockTag`, `optional(list(address))`, …) that refuse a bad parameter with −32602 and its
 * place. Throw `RpcError(code, message, data)` to tell the client something; an error of another kind reaches it as
 * −32603 with an id, and the log gets the rest.
 *
 * Is not: the eth_ tables (`ethapi`), which endpoints are open (`node`), filters. Codes and texts are JSON-RPC 2.0 and
 * today's geth; bounds are in limits.ts. Transports take their own sockets; time and chance come from the host.
 */
export {
  type AnyCodec,
  address,
  bool,
  bytes,
  bytesUpTo,
  type Codec,
  type Decoded,
  type Encodable,
  fixedBytes,
  hash,
  hexOrDecimal,
  json,
  kindOf,
  literal,
  none,
  number,
  quantity,
  slot,
  text,
  textUpTo,
  uint53,
  uint64,
} from "./codec.ts";
export {
  dialRpc,
  inProcess,
  type ProviderMessage,
  type RequestOptions,
  RpcClient,
  type RpcRequest,
  RpcSubscription,
} from "./client.ts";
export { type PendingAnswer, type Received, RpcConnection } from "./connection.ts";
export { invalidParams, RpcError, type RpcErrorObject, rpcCodes } from "./errors.ts";
export { HttpEndpoint, type HttpEndpointOptions, type HttpFace, type WsFace } from "./http.ts";
export { IpcEndpoint, type IpcEndpointOptions } from "./ipc.ts";
export { writeJson } from "./json.ts";
export { type RpcLimits, rpcLimits } from "./limits.ts";
export { RpcSetupError } from "./listen.ts";
export type { Page, Pages } from "./pages.ts";
export {
  type Api,
  type ApiSpec,
  api,
  type CallContext,
  callerOf,
  type ConnectionInfo,
  type Method,
  type MethodSpec,
  method,
  type Subscription,
  type SubscriptionSpec,
  subscription,
  type TransportName,
} from "./method.ts";
export { RpcServer, type RpcServerOptions, selectApis } from "./server.ts";
export {
  type BlockRef,
  type BlockTag,
  blockNumberOrHash,
  blockTag,
  either,
  list,
  nullable,
  object,
  oneOrMany,
  optional,
} from "./shapes.ts";
