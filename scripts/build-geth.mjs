// node scripts/build-geth.mjs <version>: has the interop kit find or build a geth, and prints where it is.
import { gethBinary } from "../bench/kit.mjs";

const found = await gethBinary(process.argv[2]);
console.log(found.path ?? found.missing);
process.exit(found.path === undefined ? 1 : 0);
