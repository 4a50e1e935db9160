// Node 18 (Debian 12's) has WebCrypto, but not as a global as browsers have it.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
