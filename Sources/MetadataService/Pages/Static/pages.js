// The entry: starts each feature whose hook is on the page. All pages work without it.

import { centreCurrent } from "./canvas.js";
import { limitComparison } from "./compare.js";
import { offerCopy } from "./copy.js";
import { followDashboard } from "./dashboard.js";
import { startExplorer } from "./explorer.js";
import { helpFilter } from "./filter.js";
import { startLive } from "./live.js";
import { startSearch } from "./search.js";
import { showTimes } from "./times.js";

/** Applies the features to what is inside `root`, which is new on the page. */
export function enhance(root) {
  showTimes(root);
  offerCopy(root);
  limitComparison(root);
  helpFilter(root);
  centreCurrent(root);
  startExplorer(root, enhance);
}

enhance(document);
// These two belong to the frame of the page, which is never replaced.
startSearch();
followDashboard();
startLive(enhance);
