// Says that the sandbox itself is gone: a click would else do nothing that can be seen.
"use strict";
document.addEventListener("htmx:sendError", () => {
  const told = document.createElement("p");
  told.className = "note bad";
  told.textContent = "The sandbox does not answer, and nothing was done. It has ended, or its machine is busy: "
    + "look at the terminal in which it was started, start it there again by “make sandbox”, and load this page anew.";
  document.getElementById("said").replaceChildren(told);
  told.scrollIntoView({ block: "center" });
});
