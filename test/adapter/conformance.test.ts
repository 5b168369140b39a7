import { conformance } from './conformance.ts';

conformance([{ version: process.version, path: process.execPath }]);
