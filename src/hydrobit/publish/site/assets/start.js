// Before the first paint: the reader's choice of light or dark, and that scripts run at all.
document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("hydrobit-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing follows the system.
}
