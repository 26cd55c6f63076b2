"use strict";

SwaggerUIBundle({
  domNode: document.getElementById("viewer"),
  url: "openapi.json",
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null, // a service of the viewer's authors; nothing leaves this host
  onComplete: () => document.body.classList.add("ready"),
});
