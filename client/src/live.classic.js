// The classic script: it listens for window.sessionManager, which the other script
// has made before.

import { watchLive } from "./live.js";

if (window.sessionManager) watchLive(window.sessionManager);
