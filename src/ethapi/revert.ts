import { revertReason } from "#core/vm";
import { RpcError, rpcCodes } from "#rpc";
import { toHex } from "#util";

/** Error 3 with the revert data (Trap 21, fixed; geth internal/ethapi/errors.go:60@v1.17.5). */
export function revertError(data: Uint8Array): RpcError {
  const reason = revertReason(data);
  return new RpcError(
    rpcCodes.revert,
    reason === undefined ? "execution reverted" : `execution reverted: ${reason}`,
    toHex(data),
  );
}
