// Files to save and to open.

/** Let the player save a text or a Blob under a name. */
export function save(content, name, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Let the player choose a file; give its text to a function. */
export function open(accept, take) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = accept;
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (file) take(await file.text(), file.name);
  });
  input.click();
}
