{
  "targets": [
    {
      "target_name": "bidora",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(PRODUCT_DIR)/never-written"],
          "action": ["node", "lib/setup/bootstrap.mjs", "addon"]
        }
      ]
    }
  ]
}
