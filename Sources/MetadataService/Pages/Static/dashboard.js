// Within Kubeflow's central dashboard: lists follow its namespace selector. It sends namespace-selected and
// all-namespaces to a page that has told it iframe-connected (central dashboard 1.4 and later).

export function followDashboard() {
  if (window.parent === window) return;
  const field = document.querySelector("form.filter input[name=workspace]");
  window.addEventListener("message", (event) => {
    // Who may show this page within its own, the service has said; all that a message can do is to filter.
    if (event.source !== window.parent || !field) return;
    const { type, value } = event.data ?? {};
    if (type === "namespace-selected" && typeof value === "string") show(value);
    if (type === "all-namespaces") show("");
  });
  window.parent.postMessage({ type: "iframe-connected" }, "*");
}

function show(workspace) {
  const address = new URL(location.href);
  const query = address.searchParams;
  if ((query.get("workspace") ?? "") === workspace) return;
  // A page of another list is none of this one.
  for (const name of ["workspace", "page", "back"]) query.delete(name);
  if (workspace) query.set("workspace", workspace);
  // The way back leads to what was before the dashboard, not to the same list without a filter.
  location.replace(address);
}
