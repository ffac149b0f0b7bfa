import { testPart } from "./run-part.ts";

testPart(0);
