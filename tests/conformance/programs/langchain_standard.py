"""What langchain-tests needs to know of the model that it tests."""

import os

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

BASE = os.environ["CONFORMANCE_BASE"]


class TestChat(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return {"model": "gpt-4o", "base_url": BASE, "stream_usage": True, "max_retries": 0, "timeout": 20}

    @property
    def supports_image_inputs(self):
        return True


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self):
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": "text-embedding-3-small", "base_url": BASE, "check_embedding_ctx_length": False}
