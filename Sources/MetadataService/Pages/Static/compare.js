// The form that compares: 2 to 6 things can stand side by side.

export function limitComparison(root) {
  for (const form of root.querySelectorAll("form.compare")) {
    // The form's own list has also the fields that stand elsewhere and name the form.
    const fields = [...form.elements];
    const boxes = fields.filter((field) => field.type === "checkbox" && field.name === "id");
    const button = fields.find((field) => field.type === "submit");
    if (!button) continue;
    const count = document.createElement("output");
    count.className = "chosen";
    button.after(count);
    const update = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      button.disabled = chosen < 2 || chosen > 6;
      count.textContent = `${chosen} chosen` + (button.disabled ? ", choose 2 to 6" : "");
    };
    for (const box of boxes) box.addEventListener("change", update);
    update();
    // A browser that comes back to the page ticks the boxes again, after this and without an event.
    if (document.readyState !== "complete") addEventListener("pageshow", update, { once: true });
  }
}
